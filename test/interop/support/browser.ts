/** Chromium, driven by Playwright: as much of it as the tests use. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { loadPackage } from "./needs.ts"

export interface Locator {
  readonly click: () => Promise<void>
  readonly fill: (text: string) => Promise<void>
  readonly press: (key: string) => Promise<void>
  readonly waitFor: (options?: { readonly state?: "visible" | "hidden" }) => Promise<void>
  readonly textContent: () => Promise<string | null>
  readonly inputValue: () => Promise<string>
  readonly isDisabled: () => Promise<boolean>
  readonly count: () => Promise<number>
}

export interface Page {
  readonly goto: (url: string) => Promise<{ readonly headers: () => Readonly<Record<string, string>> } | null>
  readonly getByLabel: (text: string, options?: { readonly exact: boolean }) => Locator
  readonly getByText: (text: string, options?: { readonly exact: boolean }) => Locator
  readonly getByRole: (
    role: string,
    options?: { readonly name?: string; readonly exact?: boolean }
  ) => Locator
  readonly locator: (selector: string) => Locator
  /** Evaluates an expression in the page. */
  readonly evaluate: <A>(expression: string) => Promise<A>
  readonly screenshot: (options?: { readonly path?: string }) => Promise<Buffer>
  readonly on: (event: "console" | "pageerror", listener: (what: unknown) => void) => void
  readonly keyboard: {
    readonly press: (key: string) => Promise<void>
    readonly type: (text: string) => Promise<void>
  }
  readonly setViewportSize: (size: { readonly width: number; readonly height: number }) => Promise<void>
}

interface Context {
  readonly newPage: () => Promise<Page>
  readonly close: () => Promise<void>
}

interface Browser {
  readonly newContext: (options: {
    readonly viewport: { readonly width: number; readonly height: number }
    readonly colorScheme: "light" | "dark"
    readonly deviceScaleFactor: number
    readonly isMobile: boolean
    readonly hasTouch: boolean
    readonly bypassCSP?: boolean
  }) => Promise<Context>
  readonly close: () => Promise<void>
}

interface Playwright {
  readonly chromium: {
    readonly launch: (options: {
      readonly executablePath: string
      readonly args: ReadonlyArray<string>
    }) => Promise<Browser>
  }
}

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** How big a screen is, and whether it is a phone's. */
export const screens = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, isMobile: false, hasTouch: false }
} as const

export type Screen = keyof typeof screens

/** A browser with nothing in it, and what goes wrong in its pages. */
export class Chromium {
  /** Errors of pages and their consoles. */
  readonly errors: Array<string> = []
  private readonly home = mkdtempSync(join(tmpdir(), "sluice-chromium-"))
  private browser: Browser | undefined

  async start(): Promise<void> {
    const { chromium } = loadPackage("playwright-core") as Playwright
    process.env.XDG_CONFIG_HOME = this.home
    this.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args })
  }

  /** A page of somebody of its own. */
  async page(
    screen: Screen,
    colorScheme: "light" | "dark",
    options: { readonly bypassCSP?: boolean } = {}
  ): Promise<Page> {
    if (this.browser === undefined) throw new Error("the browser has not started")
    const context = await this.browser.newContext({ ...screens[screen], ...options, colorScheme })
    const page = await context.newPage()
    page.on("pageerror", (error) => this.errors.push(String(error)))
    page.on("console", (message) => {
      const { text, type } = message as { readonly text: () => string; readonly type: () => string }
      // A lost connection is told by the browser itself, and is what some tests are about.
      if (type.call(message) === "error" && !/WebSocket connection to .* failed/.test(text.call(message))) {
        this.errors.push(text.call(message))
      }
    })
    return page
  }

  async stop(): Promise<void> {
    await this.browser?.close()
    rmSync(this.home, { recursive: true, force: true })
  }
}
