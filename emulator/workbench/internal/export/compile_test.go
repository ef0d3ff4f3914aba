package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

// TestAnythingCompiles compiles the tests of entries in any order, with odd texts.
func TestAnythingCompiles(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs(".")
	require.NoError(t, err)
	temporary := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	entries := rapid.Custom(drawEntries)
	for i := range 30 {
		all := entries.Example(i)
		for j := range all { // so that there is a client for what follows
			if j < 3 && len(all) > 6 {
				all[j].Kind, all[j].ConnectionID, all[j].Stage, all[j].Seq = entry.Connected, someIDs()[j], "dev", 0
			}
		}
		out, err := export.Test(all, export.TestOptions{Template: export.Template{Package: "exported"}})
		if err != nil {
			require.ErrorIs(t, err, export.ErrEmpty)
			continue
		}
		file := filepath.Join(temporary, fmt.Sprint(i, ".go"))
		require.NoError(t, os.WriteFile(file, out, 0o600))
		overlay.Replace[filepath.Join(folder, "exported", fmt.Sprint("n", i), "x.go")] = file
	}
	require.Greater(t, len(overlay.Replace), 15)
	text, err := json.Marshal(overlay)
	require.NoError(t, err)
	list := filepath.Join(temporary, "overlay.json")
	require.NoError(t, os.WriteFile(list, text, 0o600))
	problems, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "./exported/...").CombinedOutput()
	require.NoError(t, err, "%s", problems)
	require.Empty(t, string(problems))
}
