package workbench_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPageFiles checks what the page is made of: files of its own, without a build step, that the
// Content-Security-Policy allows, and small.
func TestPageFiles(t *testing.T) {
	t.Parallel()
	const most = 144 << 10 // bytes, uncompressed and with comments
	files, err := filepath.Glob("page/*")
	require.NoError(t, err)
	texts := map[string]string{}
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts[filepath.Base(file)] = string(text)
		total += len(text)
	}
	require.Less(t, total, most)

	inline := regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script>|javascript:|setAttribute\("style"`)
	reference := regexp.MustCompile(`(?:\ssrc="|<link[^>]* href="|\bfrom "\./|@import )([^"]+)"`)
	used := map[string]bool{"index.html": true}
	for name, text := range texts {
		require.NotRegexp(t, inline, text, "%s: the Content-Security-Policy refuses this", name)
		text = strings.ReplaceAll(text, `xmlns="http://www.w3.org/2000/svg"`, "")
		require.NotRegexp(t, `https?://|url\(|//[a-z]+\.`, text, "%s: nothing comes from elsewhere", name)
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			require.Contains(t, texts, match[1], "%s uses it", name)
			used[match[1]] = true
		}
	}
	for name := range texts {
		require.True(t, used[name], "nothing uses %s", name)
	}
}

// TestPageElements checks that each element that the scripts look for by its id is in the page, or
// is made by a script.
func TestPageElements(t *testing.T) {
	t.Parallel()
	html, err := os.ReadFile("page/index.html")
	require.NoError(t, err)
	ids := map[string]int{}
	for _, match := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(string(html), -1) {
		ids[match[1]]++
	}
	for id, n := range ids {
		require.Equal(t, 1, n, "elements with the id %s", id)
	}
	scripts, err := filepath.Glob("page/*.js")
	require.NoError(t, err)
	var looked, made []string
	for _, file := range scripts {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`"#([a-z][a-z-]*)[" ]`).FindAllStringSubmatch(string(text), -1) {
			looked = append(looked, match[1])
		}
		for _, match := range regexp.MustCompile(`\bid: "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			made = append(made, match[1])
		}
	}
	require.NotEmpty(t, looked)
	for _, id := range looked {
		if ids[id] == 0 {
			require.Contains(t, made, id)
		}
	}
}
