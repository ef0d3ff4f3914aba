package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatesock/gatesock/internal/dynamolocal"
)

const (
	// The timeouts end what hangs. They are long, since a busy machine is slow, and shorter than the
	// timeout of the test binary, whose error does not show what the program has printed.
	fetchTimeout = 9 * time.Minute
	startTimeout = 9 * time.Minute
)

// start downloads DynamoDB Local, starts it and waits until it answers.
func start(ctx context.Context) (*dynamolocal.Server, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	if err := fetch(ctx, script); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return dynamolocal.Start(ctx, "", "bash", script, "-inMemory")
}

// findScript looks for the script in the folders above the working directory, which is the folder
// of the tested package: tests of the nested modules find it, too.
func findScript() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		script := filepath.Join(folder, "scripts", "dynamodb-local")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			err = errors.New("scripts/dynamodb-local is in no folder above the test's")
		}
		folder = parent
	}
	return "", err
}

// fetch is separate from the start, so that a slow download does not look like a server that hangs.
func fetch(ctx context.Context, script string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if output, err := exec.CommandContext(ctx, "bash", script, "--prepare").CombinedOutput(); err != nil {
		return fmt.Errorf("download it: %w\n%s", err, output)
	}
	return nil
}
