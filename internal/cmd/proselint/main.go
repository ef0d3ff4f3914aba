// Proselint finds wording in comments, strings and documents that reads as translated, and lines
// that are too long. It is a part of make lint:
//
//	go run ./internal/cmd/proselint [folder or file ...]
//
// Each finding has a place, the words, and what to write instead. There is no way to silence one:
// write another sentence. Files under testdata, vendored code and generated files are left out.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	found, err := run(os.Stdout, roots)
	if err != nil {
		fmt.Fprintln(os.Stderr, "proselint:", err)
		os.Exit(2)
	}
	if found > 0 {
		fmt.Fprintf(os.Stderr, "proselint: %d findings\n", found)
		os.Exit(1)
	}
}

// run prints the findings in all files below the roots, and returns how many there are.
func run(out io.Writer, roots []string) (found int, err error) {
	files := 0
	for _, root := range roots {
		root = strings.TrimSuffix(root, "/...")
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if path != root && skippedFolder(entry.Name()) {
					return filepath.SkipDir
				}
				return nil
			}
			split := splitter(path)
			if split == nil {
				return nil
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			passages, err := split(path, string(src))
			if err != nil {
				return err
			}
			for _, f := range check(passages, lengthLimits(path), string(src)) {
				found++
				fmt.Fprintf(out, "%s:%d: %s\n", path, f.line, f.text)
			}
			return nil
		})
		if err != nil {
			return found, err
		}
	}
	if files == 0 {
		return 0, fmt.Errorf("no file to check in %s", strings.Join(roots, ", "))
	}
	return found, nil
}

func skippedFolder(name string) bool {
	return name == "testdata" || name == "node_modules" || name == "bin" || name == "dist" ||
		strings.HasPrefix(name, ".") && name != ".github" && name != ".ci"
}
