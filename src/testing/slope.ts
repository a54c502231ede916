/** Memory in use at a time, in whatever unit the slope is to be per. */
export interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/**
 * MiB per unit of time by Theil and Sen: the median of the slopes between all pairs of samples. A collector that frees a
 * heap's pages now and then moves a line of least squares, and not this.
 */
export function slopeMiB(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((one, index) =>
    samples.slice(index + 1).map((other) => (other.bytes - one.bytes) / (other.at - one.at)),
  );
  slopes.sort((one, other) => one - other);
  return (slopes[Math.floor(slopes.length / 2)] ?? 0) / 2 ** 20;
}
