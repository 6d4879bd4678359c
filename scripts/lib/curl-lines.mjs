/**
 * Commands to paste into a terminal, one for each well-known endpoint of the demo that is there.
 * @param {{ admin_token: string, base: string, endpoints: Record<string, string> }} demo
 * @returns {string[]}
 */
export function curlLines(demo) {
  const { endpoints } = demo;
  const companies = [
    { id: 1, name: "Acme", onboarded: "2024-03-01", amount: 120 },
    { id: 2, name: "Umbrella", onboarded: "2019-07-15", amount: 80 },
  ];
  /** @type {Record<string, (url: string) => string>} */
  const samples = {
    countries: (url) => `curl -s '${url}?region=Oceania&minPopulation=1000000'`,
    companies: (url) => `curl -s ${json({ since: "2021-01-01" })} '${url}'`,
    since: (url) => `curl -s ${json({ since: "2020-01-01", companies })} '${url}'`,
    my_api: (url) => `curl -s ${json({ hello: "world" })} '${url}?from=curl'`,
    page: (url) => `curl -si '${url}'`,
  };
  const lines = Object.entries(samples).flatMap(([key, line]) => {
    const url = endpoints[key];
    return url === undefined ? [] : [line(url)];
  });
  // The token stays in its file: a terminal's scroll-back is no place for it.
  const token = `$(node -p 'require("./.dev/demo.json").admin_token')`;
  lines.push(`curl -s -H "Authorization: Bearer ${token}" '${demo.base}/admin/v1/runs?limit=5'`);
  return lines;
}

/** @param {unknown} body */
function json(body) {
  return `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
}
