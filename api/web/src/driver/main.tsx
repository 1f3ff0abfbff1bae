import "../design/base.css";
import "./driver.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { languageOf } from "./texts.ts";

const token = location.pathname.split("/").at(-1)!;
const language = languageOf(navigator.languages);
document.documentElement.lang = language.texts.language;
document.title = language.texts.title;

// The manifest belongs to this link: an installed page opens with its token.
const manifest = document.createElement("link");
manifest.rel = "manifest";
manifest.href = `/d/${token}/manifest.webmanifest`;
document.head.append(manifest);

if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/d/service-worker.js", { scope: "/d/" });
// What was not sent yet must not fall to a phone that tidies up.
void navigator.storage?.persist?.();

render(<App token={token} language={language} />, document.getElementById("driver")!);
