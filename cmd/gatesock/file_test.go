package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var errForeign = errors.New("is foreign")

// mine accepts files that begin with "mine".
func mine(old []byte) error {
	if strings.HasPrefix(string(old), "mine") {
		return nil
	}
	return errForeign
}

func TestOutputFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old   string // "-" for none
		force bool
		says  string
		err   string
	}{
		"a new file":             {"-", false, "gatesock: wrote FILE\n", ""},
		"an empty file":          {"", false, "gatesock: wrote FILE\n", ""},
		"its own file":           {"mine, old", false, "gatesock: wrote FILE\n", ""},
		"an unchanged file":      {"mine, new", false, "gatesock: FILE is up to date\n", ""},
		"a foreign file":         {"package main", false, "", "FILE is foreign, or use --force to overwrite it"},
		"a foreign file, forced": {"package main", true, "gatesock: wrote FILE\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "out")
			if c.old != "-" {
				require.NoError(t, os.WriteFile(path, []byte(c.old), 0o640)) //nolint:gosec // the permissions are what is tested
			}
			var problems strings.Builder
			err := output{path, c.force}.write(artifact{[]byte("mine, new"), mine}, streams{err: &problems})
			text, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			require.Equal(t, strings.ReplaceAll(c.says, "FILE", path), problems.String())
			if c.err != "" {
				require.EqualError(t, err, strings.ReplaceAll(c.err, "FILE", path))
				require.Equal(t, c.old, string(text))
				return
			}
			require.NoError(t, err)
			require.Equal(t, "mine, new", string(text))
			all, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Len(t, all, 1, "no other file stays behind")
			info, err := os.Stat(path)
			require.NoError(t, err)
			if c.old != "-" {
				require.Equal(t, os.FileMode(0o640), info.Mode(), "the permissions stay")
			}
		})
	}
}

func TestOutputElsewhere(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a := artifact{[]byte("mine, new"), mine}
	write := func(path string) (stdout string, err error) {
		var out, problems strings.Builder
		err = output{Output: path}.write(a, streams{out: &out, err: &problems})
		return out.String(), err
	}
	for _, stdout := range []string{"", "-"} {
		out, err := write(stdout)
		require.NoError(t, err)
		require.Equal(t, "mine, new", out)
	}
	_, err := write(os.DevNull)
	require.NoError(t, err)
	_, err = write(folder)
	require.ErrorContains(t, err, "is a folder: name a file")
	_, err = write(filepath.Join(folder, "none", "out"))
	none := filepath.Join(folder, "none")
	require.EqualError(t, err, "cannot write "+filepath.Join(none, "out")+": there is no folder "+none+": make it first")

	// A link stays one.
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "link")
	require.NoError(t, os.WriteFile(target, []byte("mine, old"), 0o600))
	require.NoError(t, os.Symlink("target", link))
	_, err = write(link)
	require.NoError(t, err)
	text, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, "mine, new", string(text))
	to, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "target", to)
}
