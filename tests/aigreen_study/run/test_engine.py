import os
import subprocess
import sys

ENGINE = [sys.executable, "-m", "aigreen_study.run.engine", "--dry-run"]


def test_ctrl_c_while_snakemake_is_imported_is_one_line(tmp_path):
    (tmp_path / "snakemake").mkdir()
    (tmp_path / "snakemake/__init__.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(ENGINE, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (130, "error: interrupted; run again to go on\n")


def test_the_profile_is_used_and_not_named(tmp_path):
    (tmp_path / "profiles/default").mkdir(parents=True)
    (tmp_path / "profiles/default/config.yaml").write_text("cores: 1\nconfig: [word=told]\n")
    (tmp_path / "Snakefile").write_text('rule made:\n    output: config["word"]\n    shell: "touch {output}"\n')
    run = subprocess.run(ENGINE, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    assert "output: told" in said
    assert "specific profile" not in said
