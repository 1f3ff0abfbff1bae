import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const WIDTH_PX_MIN = 280;

/** How wide the element of `ref` is, so that the letters of a chart keep their size. */
export function useWidth<T extends HTMLElement>(): { ref: RefObject<T | null>; widthPx: number } {
  const ref = useRef<T>(null);
  const [widthPx, setWidthPx] = useState(WIDTH_PX_MIN);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      setWidthPx(Math.max(WIDTH_PX_MIN, Math.floor(entry!.contentRect.width)));
    });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return { ref, widthPx };
}
