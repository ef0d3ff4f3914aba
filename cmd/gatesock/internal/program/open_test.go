//go:build !race

package program_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	opened, err := program.Program{Folder: programs, Package: "./comments"}.Open(t.Context())
	require.NoError(t, err)
	folder, err := filepath.Abs(filepath.Join(programs, "comments"))
	require.NoError(t, err)
	require.Equal(t, folder, opened.Folder())
	binary := filepath.Join(t.TempDir(), "program")
	require.NoError(t, opened.Build(t.Context(), binary))
	app, err := opened.Describe(t.Context(), binary)
	require.NoError(t, err)
	require.NotEmpty(t, app.Routes)

	inputs, err := opened.Inputs(t.Context())
	require.NoError(t, err)
	files := map[string]bool{}
	for _, in := range inputs {
		for _, f := range in.Files {
			files[f] = true
		}
	}
	module := opened.Module()
	types := filepath.Join(module, "..", "types", "types.go")
	for _, want := range []string{filepath.Join(folder, "main.go"), filepath.Join(module, "go.mod"), types} {
		require.True(t, files[want], want)
	}
	for f := range files {
		rel, err := filepath.Rel(filepath.Dir(module), f)
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(rel), "neither the standard library nor the module cache: %s", f)
	}

	_, err = program.Program{Folder: programs, Package: "./nowhere"}.Open(t.Context())
	require.ErrorContains(t, err, "there is no folder ./nowhere")
	broken, err := program.Program{Folder: programs, Package: "./broken"}.Open(t.Context())
	require.NoError(t, err)
	failed := new(program.Failure)
	require.ErrorAs(t, broken.Build(t.Context(), binary), &failed)
	require.Contains(t, failed.Output, "main.go:")
}

func TestMains(t *testing.T) {
	t.Parallel()
	all, err := program.Mains(t.Context(), "../../../../internal/cmd/minimal")
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "minimal", filepath.Base(all[0]))
	all, err = program.Mains(t.Context(), filepath.Join(programs, "good"))
	require.NoError(t, err)
	require.Empty(t, all, "a program without gatesock")
}
