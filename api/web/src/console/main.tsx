import "../design/base.css";
import "./console.css";
import { render } from "preact";
import { restoreTheme } from "../design/theme.ts";
import { App } from "./app.tsx";

restoreTheme();
render(<App />, document.getElementById("console")!);
