// Sets colors and text size before the page is painted: an ordinary script, so that it runs before the first element.

for (const name of ["theme", "size"]) {
  try {
    const value = JSON.parse(localStorage.getItem(`anatili.${name}`));
    if (value) document.documentElement.dataset[name] = value;
  } catch {
    // the browser stores nothing: then it is the system's theme
  }
}
