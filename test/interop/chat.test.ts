/** `examples/chat` for people in browsers and people with `nc`, who are in the same rooms. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, freePort, nc, type Program } from "../examples/support.ts"
import { Chromium, type Page, type Screen, screens } from "./support/browser.ts"
import { describeWith } from "./support/needs.ts"

describeWith(
  "Chromium and nc",
  { commands: { chromium: "chromium", nc: "netcat-openbsd" }, packages: ["playwright-core", "axe-core"] },
  () => {
    const cast = new Cast()
    const chromium = new Chromium()
    const ports = { PORT: 0, JSON_PORT: 0, HTTP_PORT: 0 }
    let server: Program
    let url = ""

    const startServer = async (): Promise<Program> => {
      const env = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]))
      const started = cast.add(example("chat/server.ts", [], env))
      expect(await started.port("chat for people")).toBe(ports.PORT)
      await started.says(`chat in a browser: ${url}`)
      return started
    }

    beforeAll(async () => {
      for (const name of ["PORT", "JSON_PORT", "HTTP_PORT"] as const) ports[name] = await freePort()
      url = `http://localhost:${ports.HTTP_PORT}/`
      server = await startServer()
      await chromium.start()
    })
    afterAll(async () => {
      await chromium.stop()
      await cast.leave()
    })

    const join = async (page: Page, name: string): Promise<void> => {
      await page.getByLabel("Nickname").fill(name)
      await page.getByRole("button", { name: "Join" }).click()
      await page.getByText(`Welcome, ${name}`).waitFor()
      await page.getByText("Connected", { exact: true }).waitFor()
    }

    const arrive = async (screen: Screen, scheme: "light" | "dark", name: string): Promise<Page> => {
      const page = await chromium.page(screen, scheme)
      await page.goto(url)
      await join(page, name)
      return page
    }

    const say = async (page: Page, text: string): Promise<void> => {
      await page.getByLabel("Message", { exact: true }).fill(text)
      await page.getByLabel("Message", { exact: true }).press("Enter")
    }

    const enterByNc = async (name: string): Promise<Program> => {
      const person = cast.add(nc(ports.PORT))
      await person.says("Your nickname?\n")
      person.type(`${name}\n`)
      await person.says(`Welcome, ${name}.`)
      return person
    }

    const leave = async (person: Program): Promise<void> => {
      person.endInput()
      await person.ended
    }

    /** Waits until a list of the page has exactly these lines. */
    const lists = (page: Page, id: string, lines: ReadonlyArray<string>): Promise<void> =>
      expect
        .poll(
          () =>
            page.evaluate<ReadonlyArray<string>>(
              `[...document.querySelectorAll("#${id} li")].map((line) => line.textContent).sort()`
            ),
          { timeout: 10_000 }
        )
        .toEqual(lines.toSorted())

    it("serves a page that may load nothing from elsewhere, and nothing else", async () => {
      const page = await chromium.page("desktop", "light")
      const response = await page.goto(url)
      expect(response?.headers()["content-security-policy"]).toContain("default-src 'none'")
      expect(await page.getByRole("heading", { name: "Sluice chat" }).count()).toBe(1)
      expect((await fetch(`${url}server.ts`)).status).toBe(404)
      expect((await fetch(`${url}..%2fserver.ts`)).status).toBe(404)
    })

    it("has two pages and one nc talk to each other, see each other come and go, and change rooms", async () => {
      const ada = await arrive("phone", "light", "ada")
      const bob = await arrive("desktop", "dark", "bob")
      await ada.getByText("bob joined").waitFor()
      const carol = await enterByNc("carol")
      await bob.getByText("carol joined").waitFor()
      await lists(bob, "people", ["ada", "bob (you)", "carol"])

      await say(ada, "hello from a phone")
      await bob.getByText("hello from a phone").waitFor()
      await carol.says("ada: hello from a phone\n")
      carol.type("hello from a terminal\n")
      await ada.getByText("hello from a terminal").waitFor()
      await bob.getByText("hello from a terminal").waitFor()
      await say(bob, "<b>no markup</b> & Grüße 🌍")
      await carol.says("bob: <b>no markup</b> & Grüße 🌍\n")
      await ada.getByText("<b>no markup</b> & Grüße 🌍").waitFor()
      // What one says stands there once.
      expect(await bob.getByText("<b>no markup</b> & Grüße 🌍").count()).toBe(1)

      await bob.getByLabel("Another room").fill("garden")
      await bob.getByRole("button", { name: "Go" }).click()
      await bob.getByText("You are in garden").waitFor()
      await ada.getByText("bob left").waitFor()
      carol.type("/join garden\n")
      await carol.says("You are in garden.\n")
      await lists(bob, "people", ["bob (you)", "carol"])
      await lists(ada, "rooms", ["garden", "lobby"])
      await say(bob, "only for the garden")
      await carol.says("bob: only for the garden\n")
      expect(await ada.getByText("only for the garden").count()).toBe(0)

      await ada.getByRole("button", { name: "Rooms and people" }).click()
      await ada.getByRole("button", { name: "garden" }).click()
      await ada.getByText("You are in garden").waitFor()
      await lists(ada, "people", ["ada (you)", "bob", "carol"])
      await leave(carol)
      await bob.getByText("carol left").waitFor()
      await Promise.all([ada, bob].map((page) => page.goto("about:blank")))
    })

    it("says at the door why a name is not to be had, and the name is to be had later", async () => {
      const first = await arrive("desktop", "light", "dora")
      const second = await chromium.page("phone", "dark")
      await second.goto(url)
      await second.getByLabel("Nickname").fill("dora")
      await second.getByRole("button", { name: "Join" }).click()
      await second.getByText("dora is taken").waitFor()
      expect(await second.evaluate("document.activeElement.id")).toBe("name")
      const witness = await enterByNc("witness")
      await first.goto("about:blank")
      await witness.says("* dora left\n")
      await second.getByRole("button", { name: "Join" }).click()
      await second.getByText("Welcome, dora").waitFor()
      await leave(witness)
      await second.goto("about:blank")
    })

    it("keeps the place of who reads further up, and leads back to the end", async () => {
      const page = await arrive("phone", "light", "reader")
      const writer = await enterByNc("writer")
      for (let i = 0; i < 40; i++) writer.type(`line ${i}\n`)
      await page.getByText("line 39", { exact: true }).waitFor()
      const fromEnd =
        "(log => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight))(document.getElementById('log'))"
      expect(await page.evaluate<number>(fromEnd)).toBeLessThan(2)
      await page.evaluate("document.getElementById('log').scrollTop = 0")
      writer.type("one more\n")
      await page.getByRole("button", { name: "New messages" }).waitFor()
      expect(await page.evaluate<number>("document.getElementById('log').scrollTop")).toBe(0)
      await page.getByRole("button", { name: "New messages" }).click()
      expect(await page.evaluate<number>(fromEnd)).toBeLessThan(2)
      await page.getByRole("button", { name: "New messages" }).waitFor({ state: "hidden" })
      await leave(writer)
      await page.goto("about:blank")
    })

    it("brings both pages back by themselves, to their rooms, when the server restarts", async () => {
      const ada = await arrive("phone", "dark", "frances")
      const bob = await arrive("desktop", "light", "george")
      await bob.getByLabel("Another room").fill("garden")
      await bob.getByRole("button", { name: "Go" }).click()
      await bob.getByText("You are in garden").waitFor()
      const carol = await enterByNc("carol")

      server.signal("SIGTERM")
      expect(await server.ended).toEqual({ code: 0, signal: null })
      await carol.says("* the chat closes\n")
      await leave(carol)
      await Promise.all([ada, bob].map((page) => page.getByText("The connection is lost").waitFor()))
      expect(await ada.evaluate("document.getElementById('status').dataset.state")).not.toBe("up")
      // What one types meanwhile stays, and cannot be sent yet.
      await ada.getByLabel("Message", { exact: true }).fill("typed meanwhile")
      await ada.getByLabel("Message", { exact: true }).press("Enter")
      expect(await ada.getByRole("button", { name: "Send" }).isDisabled()).toBe(true)
      expect(await ada.getByLabel("Message", { exact: true }).inputValue()).toBe("typed meanwhile")

      server = await startServer()
      await Promise.all([ada, bob].map((page) => page.getByText("Connected again").waitFor()))
      await lists(bob, "people", ["george (you)"])
      await ada.getByRole("button", { name: "Send" }).click()
      const again = await enterByNc("henry")
      await ada.getByText("henry joined").waitFor()
      await say(ada, "we are back")
      await again.says("frances: we are back\n")
      again.type("/join garden\n")
      await bob.getByText("henry joined").waitFor()
      await say(bob, "and still in the garden")
      await again.says("george: and still in the garden\n")
      await leave(again)
      await Promise.all([ada, bob].map((page) => page.goto("about:blank")))
    })

    it("comes back from a server that was killed, too", async () => {
      const page = await arrive("desktop", "dark", "eve")
      await server.kill()
      await page.getByText("The connection is lost").waitFor()
      server = await startServer()
      await page.getByText("Connected again").waitFor()
      await page.goto("about:blank")
    })

    it.each(
      (["phone", "desktop"] as const).flatMap((screen) =>
        (["light", "dark"] as const).map((scheme) => [screen, scheme] as const)
      )
    )("is accessible and fits on a %s in %s, at the door and inside", async (screen, scheme) => {
      const page = await chromium.page(screen, scheme, { bypassCSP: true })
      const check = async (): Promise<void> => {
        await page.evaluate(axeSource())
        const violations = await page.evaluate<ReadonlyArray<unknown>>(
          "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]))"
        )
        expect(violations).toEqual([])
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(
          screens[screen].viewport.width
        )
      }
      await page.goto(url)
      await check()
      await join(page, `judge-${screen}-${scheme}`.slice(0, 20))
      const other = await enterByNc("critic")
      other.type(`${"a long word ".repeat(20)}${"x".repeat(50)}\n`)
      await page.getByText("a long word").waitFor()
      await say(page, "an answer")
      await check()
      if (screen === "phone") {
        await page.getByRole("button", { name: "Rooms and people" }).click()
        await check()
        await page.keyboard.press("Escape")
      }
      await leave(other)
      await page.goto("about:blank")
    })

    it("had no errors in its pages", () => {
      expect(chromium.errors).toEqual([])
    })
  }
)

/** What finds out whether a page is accessible. */
function axeSource(): string {
  return readFileSync(fileURLToPath(new URL("node_modules/axe-core/axe.min.js", import.meta.url)), "utf8")
}
