export function formatInteger(): string {
  return "";
}
export function parseInteger(): number {
  return 0;
}
