package testutil

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/testcontainers/testcontainers-go"
)

// ensureImage makes the image present the way `make setup` does: a pull, else the stand-in. Outside of the repository the engine's own pull has to do.
func ensureImage(ctx context.Context, cli *testcontainers.DockerClient, version string, logf func(string, ...any)) error {
	if _, err := cli.ImageInspect(ctx, "apache/kafka:"+version); err == nil {
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return nil //nolint:nilerr // the start of the container pulls
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "images.sh"), version) //nolint:gosec // our own script
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("testutil: get the image apache/kafka:%s (run `make setup`): %w", version, err)
	}
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		logf("%s", last)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("testutil: get the image apache/kafka:%s (run `make setup`): %s: %w", version, last, err)
	}
	return nil
}
