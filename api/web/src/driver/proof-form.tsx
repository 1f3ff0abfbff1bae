import { useEffect, useRef, useState } from "preact/hooks";
import type { DriverStop } from "../../../driver/day-json.ts";
import type { ProofPart } from "../../../pod/policy.ts";
import { Photos } from "./photos.tsx";
import { Scans } from "./scans.tsx";
import { positionNow } from "./sharing.ts";
import { SignaturePad } from "./signature-pad.tsx";
import { FAIL_REASONS, filled } from "./texts.ts";
import type { Language } from "./words.ts";
import type { Work } from "./work.ts";

type Props = {
  stop: DriverStop;
  number: number;
  outcome: "delivered" | "failed";
  language: Language;
  work: Work;
  onDone: () => void;
};

/** How long a proof waits for a fresh position; then it goes without. */
const POSITION_MS = 6_000;

export function ProofForm({ stop, number, outcome, language, work, onDone }: Props) {
  const { proof: texts } = language.texts;
  const isFailed = outcome === "failed";
  const heading = useRef<HTMLHeadingElement>(null);
  const [values, setValues] = useState<{ [name: string]: string }>(isFailed ? { reason: FAIL_REASONS[0] } : {});
  const [photos, setPhotos] = useState<Blob[]>([]);
  const [scans, setScans] = useState<string[]>([]);
  const [signature, setSignature] = useState<Blob>();
  const [missing, setMissing] = useState<string[]>([]);
  const [isSaving, setSaving] = useState(false);
  useEffect(() => heading.current?.focus(), []);

  const value = (name: string) => (values[name] ?? "").trim();
  const given: Readonly<Record<ProofPart, boolean>> = {
    photo: photos.length > 0,
    signature: signature !== undefined,
    recipient: value("recipientName") !== "",
    relationship: value("relationship") !== "",
    idCheck: value("idCheck") !== "",
    pin: value("pin") !== "",
    scans: scans.length > 0,
    // Taken at saving; a phone without one can't be blamed here.
    position: true,
  };
  const asks = (part: ProofPart) => stop.proof.requires.includes(part) || (part === "pin" && stop.proof.pin);

  const save = async () => {
    const lacking = isFailed ? [] : stop.proof.requires.filter((part) => !given[part]).map((part) => texts.parts[part]);
    const unscanned = isFailed ? [] : stop.proof.scans.filter((code) => !scans.includes(code));
    setMissing([...lacking, ...unscanned]);
    if (lacking.length + unscanned.length > 0 && stop.proof.refusesLacking) return;
    setSaving(true);
    const position = await positionNow(POSITION_MS);
    const fields: [string, string][] = [["deviceTime", new Date().toISOString()]];
    for (const name of Object.keys(values)) if (value(name) !== "") fields.push([name, value(name)]);
    for (const scan of scans) fields.push(["scan", scan]);
    if (position !== undefined) {
      fields.push(["lat", String(position.lat)], ["lon", String(position.lon)], ["positionTime", position.time]);
      fields.push(["accuracyM", String(position.accuracyM)]);
    }
    const files: [string, Blob][] = photos.map((photo) => ["photo", photo]);
    if (signature !== undefined) files.push(["signature", signature]);
    const isKept = await work.prove(stop.id, { kind: "proof", outcome, fields, files });
    setSaving(false);
    if (isKept) onDone();
  };

  const field = (name: string, label: string, options: { isLong?: boolean; mode?: "numeric" } = {}) => (
    <div class="field">
      <label for={name}>{label}</label>
      {options.isLong ? (
        <textarea
          id={name}
          class="input"
          rows={3}
          maxLength={4_000}
          value={values[name] ?? ""}
          onInput={onInput(name)}
        />
      ) : (
        <input
          {...{ id: name, class: "input", maxLength: 200, value: values[name] ?? "", onInput: onInput(name) }}
          {...{ autocomplete: "off", inputMode: options.mode ?? "text" }}
        />
      )}
    </div>
  );
  const onInput = (name: string) => (event: Event) =>
    setValues({ ...values, [name]: (event.currentTarget as HTMLInputElement).value });

  return (
    <main>
      <form
        class="card pad form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <h1 ref={heading} tabIndex={-1}>
          {filled(isFailed ? texts.failTitle : texts.deliverTitle, { n: number })}
        </h1>
        <p class="soft">{[stop.address, stop.contact.name].filter(Boolean).join(" · ")}</p>
        {isFailed ? (
          <fieldset class="reasons">
            <legend>{texts.reason}</legend>
            {FAIL_REASONS.map((reason) => (
              <label key={reason} class="choice">
                <input
                  {...{ type: "radio", name: "reason", value: reason, checked: values.reason === reason }}
                  onChange={() => setValues({ ...values, reason })}
                />
                {texts.reasons[reason]}
              </label>
            ))}
          </fieldset>
        ) : (
          <>
            {field("recipientName", texts.recipient)}
            {asks("relationship") && field("relationship", texts.relationship)}
            {asks("idCheck") && field("idCheck", texts.idCheck)}
            {asks("pin") && field("pin", texts.pin, { mode: "numeric" })}
          </>
        )}
        <Photos {...{ texts, photos, onChange: setPhotos }} />
        {!isFailed && <SignaturePad {...{ texts, name: value("recipientName"), onChange: setSignature }} />}
        {!isFailed && <Scans {...{ texts, scans, wanted: stop.proof.scans, onChange: setScans }} />}
        {field("notes", texts.notes, { isLong: true })}
        {missing.length > 0 && <p role="alert">{filled(texts.lacking, { parts: missing.join(", ") })}</p>}
        <div class="actions">
          <button type="submit" class="button primary" disabled={isSaving}>
            {texts.save}
          </button>
          <button type="button" class="button" onClick={onDone}>
            {texts.back}
          </button>
        </div>
      </form>
    </main>
  );
}
