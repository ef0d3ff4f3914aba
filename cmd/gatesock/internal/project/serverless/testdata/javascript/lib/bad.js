throw new Error("lib/bad.js is bad");
