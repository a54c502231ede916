interface Batches {
  /** Of one transaction: few enough that nobody waits for their locks. */
  readonly rowsMax: number;
  /** Of one call. What is left over is for the next one. */
  readonly batchesMax: number;
}

/** Does something to many rows, some in each transaction, until a batch is not full, and tells how many it were in all. */
export async function inBatches(
  { rowsMax, batchesMax }: Batches,
  batch: (rowsMax: number) => Promise<number>,
): Promise<number> {
  let sum = 0;
  for (let turn = 0; turn < batchesMax; turn++) {
    const count = await batch(rowsMax);
    sum += count;
    if (count < rowsMax) break;
  }
  return sum;
}
