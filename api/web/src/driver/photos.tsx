import { useEffect, useRef, useState } from "preact/hooks";
import { filled, type Texts } from "./texts.ts";

const PHOTOS_MAX = 6;
/** Enough to read a label by; a tenth of what phones take, so that it is sent over a weak network. */
const SIDE_PX_MAX = 2_000;
const JPEG_QUALITY = 0.85;

type Props = { texts: Texts["proof"]; photos: readonly Blob[]; onChange: (photos: Blob[]) => void };

export function Photos({ texts, photos, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [isUnread, setUnread] = useState(false);
  const take = async (files: readonly File[]) => {
    const read = await Promise.allSettled(files.slice(0, PHOTOS_MAX - photos.length).map(asJpeg));
    setUnread(read.some(({ status }) => status === "rejected"));
    onChange([...photos, ...read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))]);
  };
  return (
    <fieldset>
      <legend>{texts.photo}</legend>
      <div class="photos">
        {photos.map((photo, index) => (
          <figure key={index}>
            <Preview {...{ photo, label: filled(texts.photoNumber, { n: index + 1 }) }} />
            <button type="button" class="button" onClick={() => onChange(photos.filter((other) => other !== photo))}>
              {filled(texts.removePhoto, { n: index + 1 })}
            </button>
          </figure>
        ))}
      </div>
      <input
        {...{ ref: input, id: "photo", type: "file", accept: "image/*", capture: "environment", hidden: true }}
        onChange={(event) => {
          void take([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
      <button
        {...{ type: "button", class: "button wide", disabled: photos.length >= PHOTOS_MAX }}
        onClick={() => input.current?.click()}
      >
        {texts.addPhoto}
      </button>
      {isUnread && <p role="alert">{texts.notAPhoto}</p>}
    </fieldset>
  );
}

function Preview({ photo, label }: { photo: Blob; label: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(photo);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [photo]);
  return <img src={url} alt={label} />;
}

/** The picture upright, of one format, without what else is in a phone's file. Rejects for what is no picture here. */
async function asJpeg(file: File): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, SIDE_PX_MAX / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return blobOf(canvas, "image/jpeg");
}

export function blobOf(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const take = (blob: Blob | null) =>
      blob === null ? reject(new Error("the canvas gives no picture")) : resolve(blob);
    canvas.toBlob(take, type, JPEG_QUALITY);
  });
}
