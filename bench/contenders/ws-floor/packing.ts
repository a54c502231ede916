/** The floor's protocol: one byte says what a message is; a player is its index and two 32-bit floats. */
export const PACKED = { welcome: 0, state: 1, patch: 2, playerBytes: 9 } as const;
