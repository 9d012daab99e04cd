/** What is seen of the chat. Knows nothing of connections. */

const find = <E extends HTMLElement>(id: string): E => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  // The page and this file go together.
  return found as E
}

const door = find("door")
const chat = find("chat")
const log = find("log")
const newer = find("newer")
const aside = find("aside")
const toggle = find("toggle")
const talk = find("talk")
const status = find("status")
const text = find<HTMLInputElement>("text")
const send = find<HTMLButtonElement>("say").querySelector("button")

/** The most lines that stay on the page. */
const maxLines = 500

/** How near to its end the log is read, in pixels, for new lines to scroll it. */
const nearEnd = 80

const atEnd = (): boolean => log.scrollHeight - log.scrollTop - log.clientHeight < nearEnd

const toEnd = (): void => {
  log.scrollTop = log.scrollHeight
  newer.hidden = true
}

log.addEventListener("scroll", () => {
  if (atEnd()) newer.hidden = true
})
newer.addEventListener("click", toEnd)
// A keyboard that comes up on a phone takes its room from the log.
new ResizeObserver(() => {
  if (newer.hidden) toEnd()
}).observe(log)

const append = (line: HTMLElement, mine: boolean): void => {
  const follow = mine || atEnd()
  log.append(line)
  while (log.children.length > maxLines) log.firstElementChild?.remove()
  if (follow) toEnd()
  else newer.hidden = false
}

const hueOf = (name: string): number => {
  let hue = 0
  for (const character of name) hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 360
  return hue
}

/** Somebody said something. */
export const showMessage = (name: string, words: string, mine: boolean): void => {
  const line = document.createElement("div")
  const previous = log.lastElementChild
  const first = !(previous instanceof HTMLElement) || previous.dataset.name !== name
  line.className = `message${mine ? " mine" : ""}${first ? " first" : ""}`
  line.dataset.name = name
  const who = document.createElement("b")
  who.textContent = name
  who.style.setProperty("--hue", String(hueOf(name)))
  const said = document.createElement("span")
  said.textContent = words
  line.append(who, said)
  append(line, mine)
}

/** Something happened. */
export const showNotice = (words: string): void => {
  const line = document.createElement("div")
  line.className = "notice"
  line.textContent = words
  append(line, false)
}

const fill = (id: string, items: ReadonlyArray<HTMLElement>): void => {
  find(id).replaceChildren(
    ...items.map((item) => {
      const line = document.createElement("li")
      line.append(item)
      return line
    })
  )
}

/** The rooms there are, and the one that we are in. */
export const showRooms = (rooms: ReadonlyArray<string>, current: string): void => {
  find("room").textContent = current
  fill(
    "rooms",
    rooms.map((room) => {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = room
      button.dataset.room = room
      if (room === current) button.setAttribute("aria-current", "true")
      return button
    })
  )
}

/** Who is in the room. */
export const showPeople = (names: ReadonlyArray<string>, me: string): void => {
  fill(
    "people",
    names.map((name) => {
      const person = document.createElement("span")
      person.textContent = name === me ? `${name} (you)` : name
      return person
    })
  )
}

/** How the connection is. What cannot be sent can still be typed. */
export const showStatus = (state: "up" | "connecting" | "down", words: string): void => {
  status.dataset.state = state
  if (status.textContent !== words) status.textContent = words
  if (send !== null) send.disabled = state !== "up"
}

/** On a phone it covers the talk. */
const showAside = (open: boolean): void => {
  aside.classList.toggle("open", open)
  talk.inert = open
  toggle.setAttribute("aria-expanded", String(open))
}

/** Inside, under this name. */
export const showChat = (name: string): void => {
  door.hidden = true
  chat.hidden = false
  find("me").textContent = name
  text.focus()
}

/** Outside, and why. */
export const showDoor = (reason: string): void => {
  chat.hidden = true
  door.hidden = false
  find("join-error").textContent = reason
  find("name").focus()
}

/** What whoever sits there wants. Says whether it is on its way: then the field is emptied. */
export interface Wishes {
  readonly join: (name: string) => boolean
  readonly say: (words: string) => boolean
  readonly enter: (room: string) => boolean
}

const onSubmit = (id: string, field: string, wish: (value: string) => boolean): void => {
  find(id).addEventListener("submit", (event) => {
    event.preventDefault()
    const input = find<HTMLInputElement>(field)
    if (wish(input.value.trim())) input.value = ""
  })
}

export const listen = (wishes: Wishes): void => {
  const name = find<HTMLInputElement>("name")
  name.value = localStorage.getItem("name") ?? ""
  name.focus()
  onSubmit("join", "name", (value) => {
    localStorage.setItem("name", value)
    find("join-error").textContent = ""
    return wishes.join(value) && false
  })
  onSubmit("say", "text", (words) => words !== "" && wishes.say(words))
  const enter = (room: string): boolean => {
    showAside(false)
    text.focus()
    return wishes.enter(room)
  }
  onSubmit("enter", "new-room", enter)
  find("rooms").addEventListener("click", ({ target }) => {
    if (target instanceof HTMLElement && target.dataset.room !== undefined) enter(target.dataset.room)
  })
  toggle.addEventListener("click", () => showAside(!aside.classList.contains("open")))
  matchMedia("(min-width: 721px)").addEventListener("change", () => showAside(false))
  aside.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return
    showAside(false)
    toggle.focus()
  })
}
