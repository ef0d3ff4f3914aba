// Light or dark: as the system says, unless somebody chooses. A classic script in the head, so that
// the page is never seen in the other colours first.

(() => {
  const themes = ["auto", "light", "dark"];
  const labels = { auto: "Auto", light: "Light", dark: "Dark" };
  let theme = "auto";
  try {
    theme = localStorage.getItem("gatesock-theme") ?? "auto";
  } catch {
    // not kept
  }
  if (!themes.includes(theme)) theme = "auto";
  document.documentElement.dataset.theme = theme;

  function show() {
    const button = document.querySelector("#theme");
    button.textContent = labels[theme];
    button.setAttribute("aria-label", `Colours: ${labels[theme]}`);
  }

  addEventListener("DOMContentLoaded", () => {
    show();
    document.querySelector("#theme").addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      document.documentElement.dataset.theme = theme;
      try {
        localStorage.setItem("gatesock-theme", theme);
      } catch {
        // it holds until the page is closed
      }
      show();
    });
  });
})();
