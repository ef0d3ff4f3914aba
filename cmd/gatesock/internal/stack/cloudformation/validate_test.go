package cloudformation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/npmtest"
)

// finding is what the validator of npm prints.
type finding struct {
	File, RuleID, Severity, Message string
	Entity                          struct{ LogicalID string }
	PropertyPath                    string
}

// validate returns what the validator finds in templates, by the names of the templates.
func validate(t *testing.T, templates map[string][]byte) map[string][]finding {
	t.Helper()
	folder := t.TempDir()
	args := []string{}
	for name, text := range templates {
		file := filepath.Join(folder, name+".yaml")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		args = append(args, file)
	}
	found := map[string][]finding{}
	for line := range strings.Lines(string(npmtest.Node(t, "cloudformation.cjs", args...))) {
		var f finding
		require.NoError(t, json.Unmarshal([]byte(line), &f), line)
		name := strings.TrimSuffix(filepath.Base(f.File), ".yaml")
		found[name] = append(found[name], f)
	}
	return found
}

func TestValidator(t *testing.T) {
	t.Parallel()
	templates := map[string][]byte{}
	for name, s := range services(t) {
		for _, f := range formats() {
			templates[name+" "+f.name] = s.template(t, f)
		}
	}
	for name, list := range validate(t, templates) {
		for _, f := range list {
			t.Logf("%s: %+v", name, f)
		}
	}
}
