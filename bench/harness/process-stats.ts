import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

let ticks: number | undefined;

/** Processor seconds that a process has used so far; undefined where /proc does not tell. */
export function cpuSeconds(pid: number | undefined): number | undefined {
  const text = readProc(pid, "stat");
  if (text === undefined) return undefined;
  // The command's name, in parentheses, may hold anything: fields are counted from after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Resident memory of a process, in MB; undefined where /proc does not tell. */
export function residentMegabytes(pid: number | undefined): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, "status") ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

function readProc(pid: number | undefined, file: string): string | undefined {
  if (pid === undefined || process.platform !== "linux") return undefined;
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
