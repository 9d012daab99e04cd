/** What a test drives: commands from the system's packages, and npm packages of `test/interop`. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { describe, type TestContext } from "vitest"

/** Whether a command is there. */
export const hasCommand = (command: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" }).status === 0

/** Whether `npm ci --prefix test/interop` has brought a package. */
export const hasPackage = (name: string): boolean =>
  existsSync(fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url)))

/** An npm package of `test/interop`, whose types the library's own check does not have. */
export const loadPackage = (name: string): unknown =>
  createRequire(new URL("../package.json", import.meta.url))(name)

/** The interpreter of the system's packages, whatever else is in the path. */
export const python = "/usr/bin/python3"

const hasPythonModule = (name: string): boolean =>
  spawnSync(python, ["-c", `import ${name}`], { stdio: "ignore" }).status === 0

export interface Needs {
  /** Modules of Python, each with the Debian package that has it. */
  readonly pythonModules?: Readonly<Record<string, string>>
  /** Commands, each with the Debian package that has it. */
  readonly commands?: Readonly<Record<string, string>>
  /** npm packages of `test/interop/package.json`. */
  readonly packages?: ReadonlyArray<string>
}

/** What is missing, as one would install it. */
export const missing = ({
  commands = {},
  packages = [],
  pythonModules = {}
}: Needs): ReadonlyArray<string> => [
  ...Object.entries(commands).flatMap(([command, debian]) =>
    hasCommand(command) ? [] : [`${command} (apt-get install ${debian})`]
  ),
  ...Object.entries(pythonModules).flatMap(([name, debian]) =>
    hasPythonModule(name) ? [] : [`${name} of Python (apt-get install ${debian})`]
  ),
  ...packages.flatMap((name) => (hasPackage(name) ? [] : [`${name} (npm ci --prefix test/interop)`]))
]

/**
 * Tests that need clients. Where one is missing they are skipped, and the name says what is missing; in CI they fail.
 */
export const describeWith = (name: string, needs: Needs, tests: () => void): void => {
  const absent = missing(needs)
  if (absent.length === 0) {
    describe(name, tests)
    return
  }
  if (process.env.CI !== undefined) throw new Error(`${name} needs ${absent.join(", ")}`)
  describe.skipIf(true)(`${name}: SKIPPED, needs ${absent.join(", ")}`, tests)
}

/** The same for a single test, as its first line. */
export const needs = (context: TestContext, what: Needs): void => {
  const absent = missing(what)
  if (absent.length === 0) return
  if (process.env.CI !== undefined) throw new Error(`needs ${absent.join(", ")}`)
  context.skip(`needs ${absent.join(", ")}`)
}
