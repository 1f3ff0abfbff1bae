import "../design/base.css";
import { render } from "preact";

render(<h1>Live map</h1>, document.getElementById("console")!);
