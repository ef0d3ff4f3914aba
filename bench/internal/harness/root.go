package harness

import (
	"errors"
	"os"
	"path/filepath"
)

// Root returns the folder of the root module, which is above the working directory.
func Root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "scripts", "npm-tools")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("run it inside of the repository: it needs scripts/npm-tools")
		}
		folder = parent
	}
}
