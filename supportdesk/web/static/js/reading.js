// Reading a conversation: it begins at the newest message, and mail frames are as high as the mail.
const PADDING_PX = 26;

export function fitFrames(root) {
  for (const frame of root.querySelectorAll("iframe.mail")) {
    frame.addEventListener("load", () => {
      const height = frame.contentDocument?.documentElement.scrollHeight;
      if (height) frame.style.height = `${Math.min(height + PADDING_PX, 4000)}px`;
    });
  }
}

export function startAtNewest(root) {
  const talk = root.querySelector("#talk");
  if (!talk || location.hash) return;
  const newest = talk.querySelector("ol > li:last-child");
  newest?.scrollIntoView({ block: newest.offsetHeight > talk.clientHeight ? "start" : "end" });
}
