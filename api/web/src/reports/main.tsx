import "../design/base.css";
import "../console/console.css";
import "./reports.css";
import { render } from "preact";
import { restoreTheme } from "../design/theme.ts";
import { ReportsApp } from "./reports-app.tsx";

restoreTheme();
render(<ReportsApp />, document.getElementById("reports")!);
