import { useEffect, useRef, useState } from "preact/hooks";
import { filled, type Texts } from "./texts.ts";

/** The part of the Barcode Detection API that is used; browsers without it have codes typed. */
type Detector = { detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]> };
type DetectorClass = new () => Detector;

const SCANS_MAX = 60;
const CODE_CHARACTERS_MAX = 500;
const LOOK_EVERY_MS = 250;

type Props = {
  texts: Texts["proof"];
  scans: readonly string[];
  wanted: readonly string[];
  onChange: (scans: string[]) => void;
};

export function Scans({ texts, scans, wanted, onChange }: Props) {
  const [code, setCode] = useState("");
  const [isScanning, setScanning] = useState(false);
  const Detector = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  const left = wanted.filter((other) => !scans.includes(other));
  const add = (found: string) => {
    const text = found.trim();
    if (text !== "" && !scans.includes(text) && scans.length < SCANS_MAX) onChange([...scans, text]);
  };
  return (
    <fieldset>
      <legend>{texts.scans}</legend>
      {left.length > 0 && <p class="small">{filled(texts.toScan, { codes: left.join(", ") })}</p>}
      <ul class="scanned">
        {scans.map((scan) => (
          <li key={scan}>✓ {scan}</li>
        ))}
      </ul>
      <div class="field">
        <label for="scan">{texts.scanCode}</label>
        <input
          {...{ id: "scan", class: "input", value: code, maxLength: CODE_CHARACTERS_MAX, autocomplete: "off" }}
          onInput={(event) => setCode(event.currentTarget.value)}
        />
      </div>
      <div class="actions">
        <button
          {...{ type: "button", class: "button" }}
          onClick={() => {
            add(code);
            setCode("");
          }}
        >
          {texts.addCode}
        </button>
        {Detector !== undefined && (
          <button type="button" class="button" onClick={() => setScanning(!isScanning)}>
            {isScanning ? texts.stopCamera : texts.scanCamera}
          </button>
        )}
      </div>
      {isScanning && Detector !== undefined && <Camera {...{ texts, Detector, onCode: add }} />}
    </fieldset>
  );
}

type CameraProps = { texts: Texts["proof"]; Detector: DetectorClass; onCode: (code: string) => void };

function Camera({ texts, Detector, onCode }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [isMissing, setMissing] = useState(false);
  const tell = useRef(onCode);
  tell.current = onCode;
  useEffect(() => {
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setInterval> | undefined;
    let isOver = false;
    const open = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (isOver) return close();
      const shown = video.current!;
      shown.srcObject = stream;
      await shown.play();
      const detector = new Detector();
      timer = setInterval(() => {
        const look = async () => {
          for (const { rawValue } of await detector.detect(shown)) tell.current(rawValue);
        };
        // A frame that can't be read is followed by the next.
        look().catch(() => undefined);
      }, LOOK_EVERY_MS);
    };
    const close = () => {
      isOver = true;
      clearInterval(timer);
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    open().catch(() => setMissing(true));
    return close;
  }, [Detector]);
  if (isMissing) return <p role="alert">{texts.noCamera}</p>;
  return <video ref={video} class="camera" playsInline muted aria-label={texts.scanCamera} />;
}
