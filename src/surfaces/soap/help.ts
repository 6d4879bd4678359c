import { OPERATIONS } from "./description";

/** What people see who open the endpoint in a browser. */
export function helpPage(address: string): string {
  const rows = Object.entries(OPERATIONS).map(
    ([name, { documentation }]) => `<tr><td><code>${name}</code></td><td>${documentation}</td></tr>`,
  );
  const own = escaped(address);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>SOAP web service</title>
<style>body { font: 16px/1.5 sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem } td { padding-right: 1rem }</style>
<h1>SOAP web service</h1>
<p>POST envelopes of SOAP 1.1 or 1.2 to <code>${own}</code>. The description is at <a href="${own}?wsdl">${own}?wsdl</a> (WSDL 1.1, RPC/encoded).</p>
<table>
${rows.join("\n")}
</table>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
