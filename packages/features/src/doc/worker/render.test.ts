import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { RootType } from "./jobs.ts";
import { render } from "./render.ts";

const TYPES: ReadonlyMap<string, RootType> = new Map();

function jsonOf(write: (ydoc: Y.Doc) => void, types = TYPES): unknown {
  const ydoc = new Y.Doc();
  write(ydoc);
  return JSON.parse(render({ update: Y.encodeStateAsUpdate(ydoc), format: "json", name: "", types }));
}

function textOf(write: (ydoc: Y.Doc) => void, name: string, types = TYPES): string {
  const ydoc = new Y.Doc();
  write(ydoc);
  return render({ update: Y.encodeStateAsUpdate(ydoc), format: "text", name, types });
}

function paragraph(text: string): Y.XmlElement {
  const element = new Y.XmlElement("p");
  element.insert(0, [new Y.XmlText(text)]);
  return element;
}

describe("a document as JSON", () => {
  test("[DH5] roots are of the type that their first content shows", () => {
    const json = jsonOf((ydoc) => {
      ydoc.getText("text").insert(0, "x", { bold: true });
      ydoc.getText("embed").insertEmbed(0, { image: 1 });
      ydoc.getArray("array").insert(0, ["a", { b: 1 }, new Y.Map([["c", 2]]), null]);
      ydoc.getArray("list of texts").insert(0, [new Y.Text("t")]);
      ydoc.getMap("map").set("k", new Y.Array());
      ydoc.getXmlFragment("xml").insert(0, [paragraph("p1")]);
    });
    expect(json).toEqual({
      text: "x",
      embed: "",
      array: ["a", { b: 1 }, { c: 2 }, null],
      "list of texts": ["t"],
      map: { k: [] },
      xml: "<p>p1</p>",
    });
  });

  test("[DH5] what has nothing left that tells is left out, unless its type is told", () => {
    const write = (ydoc: Y.Doc) => {
      ydoc.getText("gone").insert(0, "x");
      ydoc.getText("gone").delete(0, 1);
      ydoc.getText("begins with what is gone").insert(0, "xy");
      ydoc.getText("begins with what is gone").delete(0, 1);
    };
    expect(jsonOf(write)).toEqual({ "begins with what is gone": "y" });
    expect(jsonOf(write, new Map([["gone", "text"]]))).toMatchObject({ gone: "" });
  });

  test("[DH5] a told type decides", () => {
    const write = (ydoc: Y.Doc) => ydoc.getXmlFragment("body").insert(0, [paragraph("p")]);
    expect(jsonOf(write, new Map([["body", "array"]]))).toEqual({ body: ["<p>p</p>"] });
  });

  test("[DH5] bytes are base64, numbers beyond those of JSON are text, and no name is special", () => {
    const json = jsonOf((ydoc) => {
      ydoc.getMap("map").set("bytes", Uint8Array.of(1, 2, 255));
      ydoc.getMap("map").set("big", 2n ** 60n);
      ydoc.getMap("__proto__").set("a", 1);
    });
    expect(json).toMatchObject({ map: { bytes: "AQL/", big: "1152921504606846976" } });
    expect(Object.getOwnPropertyDescriptor(json, "__proto__")?.value).toEqual({ a: 1 });
  });
});

describe("a document as text", () => {
  test("[DH5] of text it is the characters, without formats and embeds", () => {
    const write = (ydoc: Y.Doc) => {
      ydoc.getText("content").insert(0, "ab", { bold: true });
      ydoc.getText("content").insertEmbed(1, { image: 1 });
    };
    expect(textOf(write, "content")).toBe("ab");
  });

  test("[DH5] of XML it is the texts, each element in lines of its own", () => {
    const write = (ydoc: Y.Doc) => {
      const list = new Y.XmlElement("ul");
      list.insert(0, [paragraph("two"), paragraph("three")]);
      const mixed = new Y.XmlElement("p");
      mixed.insert(0, [new Y.XmlText("a & "), new Y.XmlText("<b>"), new Y.XmlElement("br")]);
      ydoc.getXmlFragment("body").insert(0, [paragraph("one"), list, mixed]);
    };
    expect(textOf(write, "body")).toBe("one\ntwo\nthree\na & <b>");
  });

  test("[DH5] of what has none it is refused, and of what is not there it is empty", () => {
    const write = (ydoc: Y.Doc) => ydoc.getArray("list").insert(0, [1]);
    expect(() => textOf(write, "list")).toThrow(expect.objectContaining({ code: "PAYLOAD_INVALID" }));
    expect(textOf(write, "absent")).toBe("");
  });
});
