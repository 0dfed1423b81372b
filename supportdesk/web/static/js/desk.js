// Everything here makes the pages faster to use; each of them works without it.
import { keepDrafts } from "./drafts.js";
import { listenToKeys } from "./keys.js";
import { fillList, openWithoutReload } from "./panes.js";
import { offerPreferences } from "./preferences.js";
import { fitFrames, startAtNewest } from "./reading.js";
import { tellReplying } from "./replying.js";

function prepare(root) {
  keepDrafts(root);
  fitFrames(root);
  startAtNewest(root);
  tellReplying(root);
}

offerPreferences();
listenToKeys();
openWithoutReload(prepare);
prepare(document);
fillList();
