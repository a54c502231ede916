/** One row of an error table: the HTTP status it travels with and one plain sentence, safe to show to anyone. */
export interface ErrorEntry {
  readonly status: number;
  readonly message: string;
}

export type ErrorTable = Readonly<Record<string, ErrorEntry>>;
