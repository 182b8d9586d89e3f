/** Decimals that leave three significant digits; none for whole numbers. */
function autoDecimals(value: number): number {
  if (value === 0 || Number.isInteger(value)) return 0;
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return Math.min(Math.max(0, 2 - magnitude), 20);
}

/** A number as text with the given decimals, or with three significant digits when they are null. */
export function toFixed(value: number, decimals: number | null | undefined): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (decimals == null && value === 0) return "0";
  const digits = decimals == null ? autoDecimals(value) : Math.min(Math.max(0, decimals), 20);
  // Rounding first: 16.665 is 16.664999... in binary, and people expect 16.67.
  const shift = 10 ** digits;
  return (Math.round(value * shift) / shift).toFixed(digits);
}
