"""Three reviewers: each reads one candidate by itself and scores it from 0 to 10, the same text always the same."""

import ast


def complexity(inputs):
    """Takes a point for every second decision and every level of nesting beyond the second."""
    tree = ast.parse(inputs["source"])
    decisions = sum(isinstance(node, (ast.If, ast.For, ast.While, ast.Try, ast.BoolOp)) for node in ast.walk(tree))
    return {"complexity": bounded(10 - decisions / 2 - max(0, depth(tree) - 2))}


def documentation(inputs):
    """A documented module, documented functions, and documented errors where there are any."""
    tree = ast.parse(inputs["source"])
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    texts = [ast.get_docstring(node) for node in functions]
    documented = sum(text is not None for text in texts) / max(1, len(functions))
    raises = any(isinstance(node, ast.Raise) for node in ast.walk(tree))
    tells = not raises or any("Raises" in (text or "") for text in texts)
    return {"documentation": bounded(3 * (ast.get_docstring(tree) is not None) + 4 * documented + 3 * tells)}


def error_handling(inputs):
    """Messages that show the value, no blanket except, no lost cause."""
    tree = ast.parse(inputs["source"])
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    telling = sum(any(isinstance(part, ast.JoinedStr) for part in node.exc.args) for node in raised)
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    blanket = sum(node.type is None or ast.unparse(node.type) in ("Exception", "BaseException") for node in handlers)
    return {"error handling": bounded(4 + 6 * telling / max(1, len(raised)) - 3 * blanket)}


def depth(node):
    inner = max((depth(child) for child in ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, (ast.If, ast.For, ast.While, ast.Try))


def bounded(score):
    return round(max(0.0, min(10.0, score)), 2)
