import { useRef } from "preact/hooks";
import { blobOf } from "./photos.tsx";
import type { Texts } from "./texts.ts";

const WIDTH_PX = 800;
const HEIGHT_PX = 320;
const LINE_PX = 4;
const NAME_FONT = "italic 72px cursive";

type Props = {
  texts: Texts["proof"];
  /** Of the recipient, for those who can't draw on a screen. */
  name: string;
  onChange: (signature: Blob | undefined) => void;
};

/** Drawn with a finger, a pen or a mouse; with the keyboard the name is written instead. */
export function SignaturePad({ texts, name, onChange }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pen = useRef<{ id: number } | null>(null);

  const ink = (): CanvasRenderingContext2D => {
    const context = canvas.current!.getContext("2d")!;
    Object.assign(context, { lineWidth: LINE_PX, lineCap: "round", lineJoin: "round", strokeStyle: "#12191d" });
    return context;
  };
  const clear = () => {
    const context = ink();
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, WIDTH_PX, HEIGHT_PX);
  };
  const place = ({ offsetX, offsetY }: PointerEvent): [number, number] => {
    const { clientWidth, clientHeight } = canvas.current!;
    return [(offsetX / clientWidth) * WIDTH_PX, (offsetY / clientHeight) * HEIGHT_PX];
  };
  const begin = (event: PointerEvent) => {
    if (pen.current !== null) return;
    if (!canvas.current!.hasAttribute("data-inked")) clear();
    canvas.current!.setAttribute("data-inked", "true");
    pen.current = { id: event.pointerId };
    canvas.current!.setPointerCapture(event.pointerId);
    const context = ink();
    context.beginPath();
    context.moveTo(...place(event));
  };
  const draw = (event: PointerEvent) => {
    if (pen.current?.id !== event.pointerId) return;
    const context = ink();
    context.lineTo(...place(event));
    context.stroke();
  };
  const end = (event: PointerEvent) => {
    if (pen.current?.id !== event.pointerId) return;
    pen.current = null;
    void blobOf(canvas.current!, "image/png").then(onChange);
  };
  const writeName = () => {
    clear();
    canvas.current!.setAttribute("data-inked", "true");
    const context = ink();
    context.fillStyle = "#12191d";
    context.font = NAME_FONT;
    context.fillText(name, 30, HEIGHT_PX * 0.6, WIDTH_PX - 60);
    void blobOf(canvas.current!, "image/png").then(onChange);
  };

  return (
    <fieldset>
      <legend>{texts.signature}</legend>
      <canvas
        {...{ ref: canvas, class: "pad-canvas", width: WIDTH_PX, height: HEIGHT_PX, role: "img" }}
        aria-label={texts.signHere}
        onPointerDown={begin}
        onPointerMove={draw}
        onPointerUp={end}
        onPointerCancel={end}
      />
      <div class="actions">
        <button
          {...{ type: "button", class: "button" }}
          onClick={() => {
            clear();
            canvas.current!.removeAttribute("data-inked");
            onChange(undefined);
          }}
        >
          {texts.clear}
        </button>
        <button {...{ type: "button", class: "button", disabled: name === "" }} onClick={writeName}>
          {texts.writeName}
        </button>
      </div>
    </fieldset>
  );
}
