package testutil

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// javaRelease is what the class files are made for: every image runs at least Java 17, and every JDK from 11 on compiles for it.
const javaRelease = "11"

// JavaPlugin compiles the Java sources below dir against the Connect API of the image of a Kafka version, and returns the jar as a folder of
// plugin.path. Other files below dir, such as the manifests of META-INF/services, go into the jar as they are. The jar is kept in .cache
// until a source changes. Where there is no JDK the test is skipped, and in CI it fails.
func JavaPlugin(tb testing.TB, version, name, dir string) Plugin {
	tb.Helper()
	Integration(tb)
	jar, err := javaPlugin(tb.Context(), version, name, dir)
	switch {
	case errors.Is(err, errNoJDK) && os.Getenv("CI") != "true" && os.Getenv("CI") != "1":
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
	return Plugin{Name: name, Files: []string{jar}}
}

var errNoJDK = errors.New("testutil: no javac in JAVA_HOME, on the PATH or below /usr/lib/jvm: install a JDK (Debian: default-jdk-headless)")

func javaPlugin(ctx context.Context, version, name, dir string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	var sources, others []string
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(p) //nolint:gosec // a file of the repository
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", p, len(content), content)
		if strings.HasSuffix(p, ".java") {
			sources = append(sources, p)
		} else {
			others = append(others, p)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("testutil: sources of the plugin %s: %w", name, err)
	}
	cache := filepath.Join(root, ".cache", "java-plugins")
	jar := filepath.Join(cache, fmt.Sprintf("%s-%s-%s.jar", name, version, hex.EncodeToString(sum.Sum(nil)[:6])))
	if _, err := os.Stat(jar); err == nil {
		return jar, nil
	}
	javac, err := findJavac()
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "reconnect-javac-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	api := []string{"connect-api-" + version + ".jar", "kafka-clients-" + version + ".jar"}
	if err := copyFromImage(ctx, version, "/opt/kafka/libs", api, work); err != nil {
		return "", err
	}
	classes := filepath.Join(work, "classes")
	args := []string{"--release", javaRelease, "-Xlint:-options", "-d", classes, "-cp", filepath.Join(work, api[0]) + string(filepath.ListSeparator) + filepath.Join(work, api[1])}
	out, err := exec.CommandContext(ctx, javac, append(args, sources...)...).CombinedOutput() //nolint:gosec // the compiler of this machine on sources of the repository
	if err != nil {
		return "", fmt.Errorf("testutil: compile the plugin %s: %w\n%s", name, err, out)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // a cache of jars
		return "", err
	}
	return jar, writeJar(jar, classes, dir, others)
}

func findJavac() (string, error) {
	candidates := []string{filepath.Join(os.Getenv("JAVA_HOME"), "bin", "javac")}
	if p, err := exec.LookPath("javac"); err == nil {
		candidates = append(candidates, p)
	}
	more, _ := filepath.Glob("/usr/lib/jvm/*/bin/javac")
	for _, p := range append(candidates, more...) {
		if p, err := exec.LookPath(p); err == nil && filepath.IsAbs(p) {
			return p, nil
		}
	}
	return "", errNoJDK
}

// copyFromImage copies files of one directory of the image of a version to a directory here.
func copyFromImage(ctx context.Context, version, from string, names []string, to string) error {
	cli, err := engine(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	if err := ensureImage(ctx, cli, version, func(string, ...any) {}); err != nil {
		return err
	}
	made, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "apache/kafka:" + version, Labels: labels()}})
	if err != nil {
		return fmt.Errorf("testutil: look into apache/kafka:%s: %w", version, err)
	}
	defer func() {
		_, _ = cli.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	}()
	for _, name := range names {
		res, err := cli.CopyFromContainer(ctx, made.ID, client.CopyFromContainerOptions{SourcePath: path.Join(from, name)})
		if err != nil {
			return fmt.Errorf("testutil: copy %s out of apache/kafka:%s: %w", name, version, err)
		}
		archive := tar.NewReader(res.Content)
		if _, err = archive.Next(); err == nil {
			err = writeFile(filepath.Join(to, name), archive)
		}
		if err = errors.Join(err, res.Content.Close()); err != nil {
			return fmt.Errorf("testutil: copy %s out of apache/kafka:%s: %w", name, version, err)
		}
	}
	return nil
}

func writeFile(name string, content io.Reader) error {
	f, err := os.Create(name) //nolint:gosec // a path of ours
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// writeJar makes the jar under another name first: several test binaries may make the same one.
func writeJar(jar, classes, dir string, others []string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(jar), ".jar-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	w := zip.NewWriter(f)
	add := func(base, p string) error {
		rel, err := filepath.Rel(base, p)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(p) //nolint:gosec // made here, or a file of the repository
		if err != nil {
			return err
		}
		entry, err := w.Create(filepath.ToSlash(rel))
		if err == nil {
			_, err = entry.Write(content)
		}
		return err
	}
	var compiled []string
	err = filepath.WalkDir(classes, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			compiled = append(compiled, p)
		}
		return err
	})
	slices.Sort(compiled)
	for _, p := range compiled {
		err = errors.Join(err, add(classes, p))
	}
	for _, p := range others {
		err = errors.Join(err, add(dir, p))
	}
	if err = errors.Join(err, w.Close(), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("testutil: write %s: %w", filepath.Base(jar), err)
	}
	return os.Rename(f.Name(), jar)
}
