package managed

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	// sdkPattern finds packages that Lambda's Node.js runtimes carry, where code imports them.
	sdkPattern = regexp.MustCompile(`["'](@(?:aws-sdk|smithy|aws-crypto)/[a-z0-9][a-z0-9._-]*|aws-sdk)(?:/[^"'\n]*)?["']`)
	// esmPattern finds the statements that only an ES module has.
	esmPattern  = regexp.MustCompile(`(?m)^\s*(?:import\s*(?:[\w{*"']|$)|export\s+(?:default|const|let|var|async|function|class|\{))`)
	botoPattern = regexp.MustCompile(`(?m)^\s*(?:import|from)\s+(?:[\w., ]+,\s*)?(?:boto3|botocore)\b`)
)

// largest is the size in bytes of the largest source file that is read.
const largest = 16 << 20

// sources calls f with each source file below a folder, but for those of installed packages. The
// folder itself may be a link: Node.js looks for packages from where it leads.
func sources(folder string, extensions []string, f func(file string, text []byte)) error {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path == folder {
				return err
			}
			return nil // a folder that may not be read has nothing that the function could run
		}
		if entry.IsDir() {
			if path != folder && installed(entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !slices.Contains(extensions, filepath.Ext(path)) {
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > largest {
			return nil //nolint:nilerr // it has just been removed
		}
		if text, err := os.ReadFile(path); err == nil {
			f(path, text)
		}
		return nil
	})
}

// installed reports whether a folder of that name has packages or output of tools, and no source.
func installed(name string) bool {
	switch name {
	case "node_modules", "site-packages", "venv", "env", "__pycache__", "cdk.out", "coverage":
		return true
	}
	return strings.HasPrefix(name, ".")
}

// sdkPackages returns the packages of the AWS SDK that code for Node.js names, and that it finds
// neither by itself nor in the layers' folders.
func (p *preparation) sdkPackages(layers []string) (names []string, err error) {
	seen := map[[2]string]bool{} // folder and package
	err = sources(p.folder, nodeExtensions(), func(file string, text []byte) {
		for _, match := range sdkPattern.FindAllSubmatch(text, -1) {
			name, folder := string(match[1]), filepath.Dir(file)
			if seen[[2]string{folder, name}] {
				continue
			}
			seen[[2]string{folder, name}] = true
			if !slices.Contains(names, name) && findPackage(folder, name) == "" && !inFolders(layers, name) {
				names = append(names, name)
			}
		}
	})
	slices.Sort(names)
	return names, err
}

func nodeExtensions() []string {
	return []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"}
}

// findPackage returns the folder of a package that code in a folder finds by itself; empty if there
// is none.
func findPackage(folder, name string) (found string) {
	upwards(folder, func(at string) bool {
		if dir := filepath.Join(at, "node_modules", filepath.FromSlash(name)); isFolder(dir) {
			found = dir
		}
		return found == ""
	})
	return found
}

func inFolders(folders []string, name string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return isFolder(filepath.Join(folder, filepath.FromSlash(name)))
	})
}

// namesBoto reports whether Python code imports boto3.
func (p *preparation) namesBoto() (found bool, err error) {
	err = sources(p.folder, []string{".py"}, func(_ string, text []byte) {
		found = found || botoPattern.Match(text)
	})
	return found, err
}
