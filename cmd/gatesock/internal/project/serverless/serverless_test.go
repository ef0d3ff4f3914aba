package serverless_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/serverless"
)

var update = flag.Bool("update", false, "write the golden files anew") //nolint:gochecknoglobals // flags are

// golden reads a project of testdata and compares it with its golden file.
func golden(t *testing.T, folder, name string, o serverless.Options) {
	t.Helper()
	file := serverless.Find(folder)
	require.NotEmpty(t, file)
	p, err := serverless.Read(t.Context(), file, o)
	require.NoError(t, err)
	got := project.Text(p)
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644)) //nolint:gosec // not a secret
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test -update writes it anew")
}

// environment is what the tests have in place of the variables of this process.
func environment() map[string]string {
	return map[string]string{"FROM_ENV": "of the environment", "COLOR": "green", "AWS_SECRET_ACCESS_KEY": "secret"}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]serverless.Options{
		"chat": {Stage: "prod"},
		"variables": {
			Options: map[string]string{"given": "from the command line"},
			Parameters: map[string]string{
				"shape": "round", "ssm:/app/given": "given", "Unused": "by the template",
			},
		},
		"events":     {},
		"parts":      {Parameters: map[string]string{"Name": "given"}},
		"broken":     {},
		"golang":     {},
		"goplugin":   {},
		"javascript": {Options: map[string]string{"stage": "blue"}, Region: "eu-north-1", AccountID: "210987654321"},
		"package":    {},
		"version4":   {Parameters: map[string]string{"other-QueueArn": "arn:aws:sqs:us-east-1:123456789012:joined-queue"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Env = environment()
			golden(t, filepath.Join("testdata", name), name, o)
		})
	}
}
