/** A time as the seed's webhooks and flow diagrams write it: `2016-05-03T12:27:20+00:00`, in UTC. */
export function atom(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
}
