package scaffold

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed all:_projects
var embedded embed.FS

// Projects returns the names of the projects.
func Projects() []string { return []string{"chat", "iot", "blank"} }

// marks is what is replaced in the files of a project.
type marks struct{ name, module, version string }

// files returns the files of a project by their paths in it, which have slashes.
func files(project string, m marks) (map[string]string, error) {
	replacer := strings.NewReplacer("{{name}}", m.name, "{{module}}", m.module, "{{version}}", m.version)
	rendered := map[string]string{}
	for _, folder := range []string{"common", project} {
		root := path.Join("_projects", folder)
		err := fs.WalkDir(embedded, root, func(at string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := embedded.ReadFile(at)
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(strings.TrimPrefix(at, root+"/"), ".tmpl")
			rendered[name] = replacer.Replace(string(text))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the project %s: %w", project, err)
		}
	}
	return rendered, nil
}
