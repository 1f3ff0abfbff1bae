/** Where the key is kept for this tab and until it is closed, never longer. The pages of one tab share it. */
export const STORED_KEY = "console-key";
