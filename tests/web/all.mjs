// The page in a browser. `NEXUS_WEB=1 cargo nexus ci --only web` boots the standard system, says where its page and its
// prompt are, and runs these tests one after the other in one Chromium.
import "./picture.mjs";
import "./look.mjs";
import "./structure.mjs";
import "./links.mjs";
import "./numbers.mjs";
import "./policy.mjs";
import "./others.mjs";
// Last: these change the machine.
import "./live.mjs";
