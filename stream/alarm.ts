/** Wakes a loop, also when it rings before the loop begins to wait. */
export class Alarm {
  rang = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.rang = true;
    this.#wake?.();
  }

  reset(): void {
    this.rang = false;
  }

  /** Resolves after `waitMs`, or at once when it rang since the last reset. */
  async wait(waitMs: number): Promise<void> {
    if (this.rang) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
