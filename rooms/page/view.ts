/** One of the two things the page can show. The page draws the current one frame by frame. */
export interface View {
  readonly element: HTMLElement;
  /** `nowMs` is the frame's timestamp, `dt` the seconds since the last one, 0.1 at most. */
  frame(nowMs: number, dt: number): void;
  close(): void;
}
