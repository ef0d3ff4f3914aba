package sam_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
	"github.com/gatesock/gatesock/emulator"
)

//nolint:gochecknoglobals // a flag of the test
var update = flag.Bool("update", false, "write the golden files")

// Each folder of testdata has a template and what is read of it.
func TestGolden(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == "fuzz" {
			continue
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			folder, err := filepath.Abs(filepath.Join("testdata", entry.Name()))
			require.NoError(t, err)
			files, findings := sam.Find(folder)
			require.NotEmpty(t, files)
			require.Empty(t, findings)
			p, err := sam.Read(files[0], sam.Options{})
			require.NoError(t, err)
			requireValid(t, p)
			golden := filepath.Join(folder, "golden.txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(project.Text(p)), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), project.Text(p))
		})
	}
}

// requireValid holds what every project has.
func requireValid(t require.TestingT, p *project.Project) {
	ids := map[string]bool{}
	for _, f := range p.Functions {
		require.False(t, ids[f.ID], "two functions %s", f.ID)
		ids[f.ID] = true
		require.NotEmpty(t, f.Name)
		require.Contains(t, f.ARN, ":function:")
		require.NotNil(t, f.Environment)
	}
	apis := map[string]bool{}
	for _, api := range p.APIs {
		require.Regexp(t, `^[a-z0-9]{10}$`, api.ID)
		require.False(t, apis[api.ID], "two APIs %s", api.ID)
		apis[api.ID] = true
		require.NotEmpty(t, api.Stages)
		for _, stage := range api.Stages {
			requireStage(t, stage, ids)
		}
	}
	for _, m := range p.Mappings {
		require.True(t, ids[m.Function], m.Function)
	}
	for _, f := range p.Findings {
		require.NotEmpty(t, f.Text)
		require.NotEmpty(t, f.File)
		require.NotContains(t, f.Text, "%!", "a format")
		require.NotContains(t, f.Text, "\n")
	}
}

func requireStage(t require.TestingT, stage project.Stage, functions map[string]bool) {
	g, err := emulator.New(nothing{}, stage.Config)
	require.NoError(t, err)
	require.NotNil(t, g)
	require.True(t, stage.Config.IgnoreDescription)
	keys := map[string]bool{}
	for _, route := range stage.Config.Routes {
		_, has := stage.Targets[route.Key]
		require.NotEqual(t, route.Mock != nil, has, "route %q has a target, or answers itself", route.Key)
		keys[route.Key] = true
	}
	for key, target := range stage.Targets {
		require.True(t, keys[key], key)
		require.False(t, target.Function != "" && target.URL != "", key)
		require.True(t, target.Function == "" || functions[target.Function], target.Function)
	}
	require.True(t, stage.Authorizer == "" || functions[stage.Authorizer] && stage.Config.Authorizer != nil)
}
