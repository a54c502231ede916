/** What is on its way and when it arrives. */
export interface Underway {
  dueMs: number;
}

/** So many segments behind a lost one tell the sender of it: the threshold of RFC 5681. */
const followersToNotice = 3;

/** The lost segments of one direction that their sender does not know of yet. */
export class Losses {
  #losses: { segment: Underway; followers: number }[] = [];

  add(segment: Underway): void {
    this.#losses.push({ segment, followers: 0 });
  }

  clear(): void {
    this.#losses = [];
  }

  /**
   * Another segment arrives then. Who has missed one before it says so in its acknowledgement, and the third time the lost one
   * is sent again, so that it comes a round trip after. True if one comes sooner than its timeout for that.
   */
  follow(arrivalMs: number, roundTripMs: number): boolean {
    if (this.#losses.length === 0) return false;
    let isSooner = false;
    for (const loss of this.#losses) {
      loss.followers += 1;
      const dueMs = arrivalMs + roundTripMs;
      if (loss.followers < followersToNotice || dueMs >= loss.segment.dueMs) continue;
      loss.segment.dueMs = dueMs;
      isSooner = true;
    }
    this.#losses = this.#losses.filter(({ followers }) => followers < followersToNotice);
    return isSooner;
  }
}
