package managed

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// What the managed runtimes carry, in pinned versions. The packages that a function names are
// installed with this lock file.
var (
	//go:embed sdk/package.json
	sdkManifest []byte
	//go:embed sdk/package-lock.json
	sdkLock []byte
)

const (
	// newestV3 bounds the versions of clients of the SDK that the lock file does not have.
	newestV3 = "<=3.1177.0"
	// newestBoto bounds the version of boto3. pip takes the newest one below that is made for the
	// interpreter.
	newestBoto = "boto3<=1.43.11"
)

// nodeSDK returns a node_modules with the packages of the AWS SDK that the runtime carries, as far
// as the code names them and has none; empty if it needs none. It returns the names too.
func (p *preparation) nodeSDK(ctx context.Context, layers []string) (modules string, names []string, err error) {
	all, err := p.sdkPackages(layers)
	if err != nil {
		return "", nil, err
	}
	for _, name := range all {
		// Node.js 18 came with version 3. Code that names the other one gets an error, as on AWS.
		if (name == "aws-sdk") == (p.sdkVersion() == 2) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "", nil, nil
	}
	folder, err := p.installNode(ctx, names)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, "node_modules"), names, nil
}

// sdkVersion returns which version of the AWS SDK for JavaScript the runtime carries.
func (p *preparation) sdkVersion() int {
	if len(p.version) > 0 && p.version[0] < 18 {
		return 2
	}
	return 3
}

// common are the packages that most applications use. They are installed with the first one, so
// that the next function finds its packages there.
func common(version int) []string {
	if version == 2 {
		return nil
	}
	return []string{"@aws-sdk/client-apigatewaymanagementapi", "@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb"}
}

// installNode returns a folder of the cache that has the packages.
func (p *preparation) installNode(ctx context.Context, names []string) (folder string, err error) {
	kind := nodeSDKFolder()
	if folder := p.findInstalled(kind, names); folder != "" {
		return folder, nil
	}
	wanted := slices.Concat(names, common(p.sdkVersion()))
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	manifest, err := manifestOf(wanted)
	if err != nil {
		return "", err
	}
	return p.once(kind, keyOf(wanted...), func(folder string) error {
		npm := p.lookPath("npm")
		if len(npm) == 0 {
			return fmt.Errorf("%s carries %s on AWS, the project does not have it, and there is no npm to install it: "+
				"install npm, or add it to package.json", p.Runtime, strings.Join(names, ", "))
		}
		p.Log(fmt.Sprintf("installing %s once, which %s carries on AWS and the project does not have",
			strings.Join(wanted, ", "), p.Runtime))
		for name, data := range map[string][]byte{"package.json": manifest, "package-lock.json": sdkLock} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
				return err
			}
		}
		err := p.tool(ctx, folder, npm[0], "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
			"--fetch-retry-mintimeout=1000")
		if err != nil {
			return fmt.Errorf("npm cannot install %s, which %s carries on AWS: %w. "+
				"It needs the network once; or add the packages to package.json and install them in the project",
				strings.Join(names, ", "), p.Runtime, err)
		}
		return nil
	})
}

// nodeSDKFolder is the folder of the cache with installations. A new release of gatesock, which may
// have other versions, has another one.
func nodeSDKFolder() string { return filepath.Join("node-sdk", keyOf(string(sdkLock))) }

// findInstalled returns a folder that has all packages, and maybe more; empty if there is none.
func (p *preparation) findInstalled(kind string, names []string) string {
	folders, err := os.ReadDir(filepath.Join(p.cache, kind))
	if err != nil {
		return ""
	}
	for _, entry := range folders {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		folder := filepath.Join(p.cache, kind, entry.Name())
		text, err := os.ReadFile(filepath.Join(folder, "package.json"))
		if err != nil {
			continue
		}
		var manifest manifest
		if json.Unmarshal(text, &manifest) != nil {
			continue
		}
		has := func(name string) bool { _, ok := manifest.Dependencies[name]; return !ok }
		if !slices.ContainsFunc(names, has) {
			return folder
		}
	}
	return ""
}

// manifest is a package.json.
type manifest struct {
	Private      bool              `json:"private,omitempty"`
	Dependencies map[string]string `json:"dependencies"`
}

// manifestOf returns a package.json with packages in the versions of the lock file. Those that it
// does not have get a version that is not newer than it.
func manifestOf(names []string) ([]byte, error) {
	var known manifest
	if err := json.Unmarshal(sdkManifest, &known); err != nil {
		return nil, err
	}
	wanted := manifest{Private: true, Dependencies: map[string]string{}}
	for _, name := range names {
		version, ok := known.Dependencies[name]
		switch {
		case ok:
		case strings.HasPrefix(name, "@aws-sdk/"):
			version = newestV3
		default:
			version = "*" // what the others depend on is in the lock file, under any range
		}
		wanted.Dependencies[name] = version
	}
	return json.MarshalIndent(wanted, "", "  ")
}

// tool runs a program for the developer in a folder. Its error has the last line of what it says.
func (p *preparation) tool(ctx context.Context, folder, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = p.toolEnv()
	cmd.WaitDelay = waitDelay
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if said := reason(output.String()); said != "" {
		return errors.New(said)
	}
	return err
}

// reason returns the line of a tool's output that says best what went wrong.
func reason(output string) string {
	first, last := "", ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(line, "npm error"), "npm ERR!"))
		if line == "" || strings.HasPrefix(line, "A complete log of this run") || strings.HasPrefix(line, "code ") {
			continue
		}
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok { // pip writes the reason last
			last = text
		} else if first == "" {
			first = line
		}
	}
	return cmp.Or(last, first)
}

// boto returns a folder of the cache with boto3 for an interpreter.
func (p *preparation) boto(ctx context.Context, i interpreter) (folder string, err error) {
	version := i.version()
	key := fmt.Sprintf("%d.%d-%s", version[0], version[1], keyOf(newestBoto))
	return p.once("python-sdk", key, func(folder string) error {
		p.Log(fmt.Sprintf("installing boto3 once, which %s carries on AWS and %s does not have", p.Runtime, i.Path))
		err := p.tool(ctx, folder, i.Path, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2",
			"--target", folder, newestBoto)
		if err != nil {
			return fmt.Errorf("pip cannot install boto3, which %s carries on AWS: %w. "+
				"It needs the network once; or install boto3 for %s, such as by Debian's python3-boto3", p.Runtime, err, i.Path)
		}
		return nil
	})
}
