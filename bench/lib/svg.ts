/** Bars as one SVG without scripts or fonts of its own, readable on light and on dark ground. */

/** `limit` is what the others are compared with. */
export type Role = "limit" | "ours" | "other"

export interface Bar {
  readonly label: string
  /** What stands behind the bar. */
  readonly text: string
  readonly value: number
  readonly role: Role
}

export interface Panel {
  readonly title: string
  readonly bars: ReadonlyArray<Bar>
}

const width = 860
const margin = 20
const labelWidth = 120
const textWidth = 280
const barHeight = 14
const rowHeight = 20
const lineHeight = 16
const panelGap = 18

const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 13px }
  .small { font-size: 11px; fill: #57606a }
  .label { text-anchor: end }
  .limit { fill: #8c959f } .ours { fill: #0969da } .other { fill: #bc8b3c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b1 }
    .limit { fill: #7d8590 } .ours { fill: #4493f8 } .other { fill: #c69b52 }
  }`

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`)

const text = (x: number, y: number, kind: string, content: string): string =>
  `<text x="${x}" y="${y}" class="${kind}">${escaped(content)}</text>`

/** Within a panel the longest bar is the largest value. */
export const barChart = (
  title: string,
  remarks: ReadonlyArray<string>,
  panels: ReadonlyArray<Panel>
): string => {
  const out: Array<string> = []
  let y = margin + 10
  out.push(text(margin, y, "title", title))
  for (const remark of remarks) {
    y += lineHeight
    out.push(text(margin, y, "small", remark))
  }
  for (const { bars, title } of panels) {
    y += panelGap + lineHeight
    out.push(text(margin, y, "title", title))
    const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
    y += 8
    for (const bar of bars) {
      const length = ((width - 2 * margin - labelWidth - textWidth) * Math.max(0, bar.value)) / most
      const barX = margin + labelWidth
      out.push(text(barX - 8, y + 11, "label", bar.label))
      out.push(
        `<rect x="${barX}" y="${y}" width="${Math.max(1, length).toFixed(1)}" height="${barHeight}" rx="2" class="${bar.role}"/>`
      )
      out.push(text(Math.round(barX + length + 8), y + 11, "small", bar.text))
      y += rowHeight
    }
  }
  const height = y + margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    ...out,
    "</svg>",
    ""
  ].join("\n")
}
