export function formatNumber(): string {
  return "";
}
