/** Bytes that several may keep for others, counted together. */
export interface KeptBytes {
  /** Counts bytes as kept; false, and they are not, if that would be too many. */
  take(bytes: number): boolean;
  release(bytes: number): void;
}

export function createKeptBytes(bytesMax: number): KeptBytes {
  let kept = 0;
  return {
    take(bytes) {
      if (kept + bytes > bytesMax) return false;
      kept += bytes;
      return true;
    },
    release(bytes) {
      kept -= bytes;
    },
  };
}
